import org.junit.Test;

public class MainTest {
  @Test
  public void runs() {
    Main.main(new String[0]);
  }
}
